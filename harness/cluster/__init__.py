"""Local models on a Ray cluster: the same engine in many processes, fed and watched by the one that keeps the journal.

- `needs`: what a replica takes and what a cluster has: how many there will be; `line`: which models are there at a time
- `probe`, `look`: what a cluster has, asked in a child process before anything begins
- `group`: the replicas of one model: who answers what, what happens when one dies; `deaths`: when to stop replacing
- `replica`: one of them as the group knows it; `fake`: one for tests
- `actor`: what runs on the cluster; `ray_replica`: one by its actor; `threads`: calls that may never return
- `connection`: Ray itself, which no other module imports
- `model`: the replicas of one model and its turn; `provider`, `executor`: what lanes and the registry see
"""
