"""Be a small site with the web chat on its pages, under a strict policy, in a process that tests can end and start."""
