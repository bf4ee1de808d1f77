"""The node that ships with the project: NodeODM's REST API over the engine."""
