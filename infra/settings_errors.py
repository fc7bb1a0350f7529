"""The error of a wrong setting that infra reads itself.

Exception
└── WrongSetting   an environment variable of infra has a wrong value
"""


class WrongSetting(Exception):
    """A setting has a wrong value; the message names the setting and the values that it takes."""
