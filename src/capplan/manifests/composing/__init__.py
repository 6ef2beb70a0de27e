"""What a kustomization composes to, as `kustomize build` does (kubernetes-sigs/kustomize@v5.5.0).

Names of generated objects have no hash, neither where they are made nor where they are referred to.
"""
