"""The gate's checks, one a module: each looks at one thing and answers, and never prints or exits."""
