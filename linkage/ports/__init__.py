"""What the use cases need of the outside world, one file per duty. An adapter stands behind each."""
