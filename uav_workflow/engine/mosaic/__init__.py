"""The orthomosaic: which photo shows what, in which tone, and the pixels."""
