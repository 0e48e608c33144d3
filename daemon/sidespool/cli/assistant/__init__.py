"""What `sidespool mcp` offers to an AI assistant."""
