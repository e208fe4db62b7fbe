"""What many events mean: what is counted, what is measured, who asks which question. Pure."""
