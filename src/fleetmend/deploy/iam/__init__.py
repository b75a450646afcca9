"""What IAM means: policy documents, ARN shapes, and what AWS says each action supports."""
