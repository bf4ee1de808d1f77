"""From hand-over cells and a stack of predictors to maps, with where they hold: the reference upscaling."""
