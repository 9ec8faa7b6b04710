"""Work on many machines, by dask.distributed: pieces become futures, and a worker that differs gets none of them."""
