"""Market data: dataset locks, stores, import, synthesis, splits, bar columns.

`lock` names a data set, `stores` hold its bytes, `load` makes a `Market` of one split, `bars` shows
a strategy what it may see, `importer` and `synth` make data sets.
"""
