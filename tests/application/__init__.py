"""The bootstrapped application with adapters in memory."""
