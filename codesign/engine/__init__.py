"""How is a long search run as units of work that survive kills, here or on a cluster?

`run.run` is the door; `local.Local` and `dask.Dask` are where units are performed, and
`work.Job` is what is sent to workers. A worker imports this package, hence nothing is
imported here.
"""
