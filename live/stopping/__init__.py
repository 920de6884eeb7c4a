"""Every way to stop: asked over a socket, latched in a file, killed from beside, or left alone by its heartbeat."""
