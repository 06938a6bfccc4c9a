"""The services of the delivery pipeline: ECR, CodeBuild and CodeConnections."""
