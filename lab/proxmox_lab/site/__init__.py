"""What the lab's site holds: machines, storages, pools, people and their rights."""
