"""How often the rules err: streams of candidates whose truth is known, through the gate's own statistics."""
