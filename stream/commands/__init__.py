"""The commands of the contract, one file for each group."""
