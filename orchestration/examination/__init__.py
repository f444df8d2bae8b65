"""What `alliance doctor` looks at: each part yields findings, and none changes anything."""
