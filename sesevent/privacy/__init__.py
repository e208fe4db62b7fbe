"""What is kept of people: what of an event is written over, shortened or left out before anything is stored."""
