"""The scenes of the sample clips and what they are made of."""
