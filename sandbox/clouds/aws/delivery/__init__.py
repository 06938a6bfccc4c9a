"""The services that build and keep the program: ECR, CodeBuild and CodeConnections."""
