"""The exchange itself: accounts, orders, positions and money. Pure: time is a number that `Exchange.advance` moves."""
