"""The command line `atoll`: HTTP to the native dialect; it imports nothing of the server."""
