"""Scripts that play a vendor's model behind a server of our own: for tests and for a demonstration without a key.

What they write is drawn from a grammar with a seed. It is real code that the gate judges like any other; it says
nothing about what a model would write.
"""
