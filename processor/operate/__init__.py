"""What an operator does by hand: the commands of `chronoverse-processor` besides `run`."""
