"""What tests of Samband, and of services that others write, stand on."""
