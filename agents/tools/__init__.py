"""What a model may do: read strategies and the guide, write its one folder, and try it on train bars, counted."""
