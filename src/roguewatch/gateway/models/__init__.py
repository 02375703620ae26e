"""The model relay: OpenAI and Anthropic protocols, recorded as they pass."""
