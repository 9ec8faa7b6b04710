"""The scoreboard: a static site that compares engines option by option, from the results of any number of runs."""
