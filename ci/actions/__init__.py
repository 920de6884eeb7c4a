"""What the steps of GitHub's workflows do: events read, parcels checked, verdicts told. YAML only calls it."""
