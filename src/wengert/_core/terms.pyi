from typing import final

@final
class Terms: ...
