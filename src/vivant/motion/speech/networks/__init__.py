"""Published networks around speech: one network, one file; every file imports torch."""
