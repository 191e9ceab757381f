"""What keepwarm gains and costs in Gallery, measured in one run on this machine."""
