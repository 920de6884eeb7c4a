"""Git by plumbing, SSH signatures, strategies as blobs, diffs by kind, trusted trees."""
