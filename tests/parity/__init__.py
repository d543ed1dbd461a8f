"""The same backtest as other people's engines run it, to the last cent."""
