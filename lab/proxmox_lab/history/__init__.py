"""What was done to each machine, by whom and when: kept for those who check afterwards."""
