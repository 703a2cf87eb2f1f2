"""`cell model`: how the model of the fraud decision is trained, judged, staged and taken back."""
