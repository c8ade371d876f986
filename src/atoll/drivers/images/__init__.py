"""What a host keeps of images: recipes built, images fetched and checked, all kept in one store."""
