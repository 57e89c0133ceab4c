"""密钥: the root's ceremony, the center's key sets, and every hall's keys."""
