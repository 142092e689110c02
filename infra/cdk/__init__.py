"""The infrastructure, as one CDK app.

jsii chooses its Node when ``aws_cdk`` is first imported, so the choice is made here, before any of it.
"""

from infra.cdk.node import use_own_node

use_own_node()
