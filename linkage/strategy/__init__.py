"""The host of strategies: their public interface, their arrays, windows, state and arms."""
