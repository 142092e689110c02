"""DynamoDB: the hot store of signals, bots, states and claims."""
