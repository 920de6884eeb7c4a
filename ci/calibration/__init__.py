"""Pull requests made up for practice: half of them flawed on purpose, all judged and reported by the real gate."""
