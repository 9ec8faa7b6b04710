"use strict";
// Before anything is shown: without scripts the page shows all its views, one below the other; with them, one at a time.
document.documentElement.classList.add("scripted");
