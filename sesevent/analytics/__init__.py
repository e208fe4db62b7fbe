"""What many events mean: values and folds, without I/O."""
