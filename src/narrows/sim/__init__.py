"""The simulator: kernel, its plain-Python specification, and the driver that makes a Result."""
