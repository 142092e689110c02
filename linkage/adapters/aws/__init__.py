"""The other services of AWS, one file each."""
