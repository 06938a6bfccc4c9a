"""EKS, which is emulated: clusters, add-ons, access entries and Pod Identity associations (EKS API)."""
